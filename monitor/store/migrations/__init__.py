"""Alembic's folder: env.py and, under versions, one script per revision."""
