"""The library behind generate/, recipes/ and eval/: one room a sub-package (docs/ARCHITECTURE.md)."""
