"""The PostgreSQL that comes as a Python wheel, and a Django database backend that starts it when it is needed."""
