"""The embedded teacher: a seeded grammar that answers every prompt of the pipeline without a network."""

from toolalpaca.offline.teacher import OfflineModel

__all__ = ["OfflineModel"]
