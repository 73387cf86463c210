"""The server's front door: Streamlit's pages and our own routes behind one Host check; `streamlit run` finds `app`."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.access import HostGuard
from dashboard.boundary import on_script_error
from dashboard.routes import table
from dashboard.warm import lifespan

app = st.App(
    Path(__file__).resolve().parent / "main.py",
    routes=table(),
    middleware=[Middleware(HostGuard)],
    lifespan=lifespan,
    on_script_error=on_script_error,
)
