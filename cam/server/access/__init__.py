"""Who gets in: the guards before the pages on the server, and the access code."""
