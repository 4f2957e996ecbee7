//! A service in Python.
