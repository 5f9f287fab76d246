"""What every reader shares: caches, archives, errors, processes, progress."""
