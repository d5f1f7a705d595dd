"""Zhiban 值班: the daemon that watches a hospital's machine room."""
