"""A server with one gallery and nothing else, to try its selection and its size: see `tests.browser.gallery_page`."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.access import HostGuard
from dashboard.routes import table

app = st.App(Path(__file__).resolve().parent / "gallery_page.py", routes=table(), middleware=[Middleware(HostGuard)])
