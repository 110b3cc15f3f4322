"""Health: signs of life, what needs a person, and the numbers that others watch."""
