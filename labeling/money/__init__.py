"""Money: what an answer costs, what one would cost, the most it can cost, and the limits of that."""
