"""The doors of the web: parse, call one function, render. Every command is a form with POST and a permission."""
