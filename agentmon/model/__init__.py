"""What is measured: frozen data and arithmetic, standard library only, no I/O."""
