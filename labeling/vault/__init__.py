"""Backup and restore: the whole installation, database and files, in one file.

archive   the file: a zip with a member per table and per uploaded file, and a manifest with checksums
tables    which tables there are, what of them is kept, and their rows in and out
backup    one snapshot of the database, then the files that it names
restore   a file becomes the installation, whole or not at all; sending is closed in the same transaction
"""
