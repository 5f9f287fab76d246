"""Run cells: training, processes, ranks and queues."""
