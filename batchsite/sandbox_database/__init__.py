"""A Django database backend that makes the sandbox's own database on the server that DATABASE_URL names."""
