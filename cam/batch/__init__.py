"""Many photos: the same engine over folders, patterns and lists, and one table of what it says."""
