"""The database mirror: rows of one commit, written to Postgres or SQLite, and proved equal to it."""
