"""What people fill in. A form parses and says what is wrong in a sentence; it never writes."""
