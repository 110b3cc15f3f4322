"""A package, so that browser and server live as long as the tests in it and no longer."""
