"""The page that is open, drawn anew at every interaction: Streamlit runs this file."""

from dashboard.shell import draw

if __name__ == "__main__":  # not in the processes that read images, which load this file under another name
    draw()
