"""The one place where a state changes.

A transition is one guarded statement: it names the state it starts from, and the loser of a race
returns quietly. Set-based, so that a hundred thousand documents move as one.
"""
