"""Everything that the configuration files say, loaded, checked and compiled in one go."""
