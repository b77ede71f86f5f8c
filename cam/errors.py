"""What a user can cause. The text of each is a sentence shown verbatim by the page and the command line."""


class CamError(Exception):
    """Base of every error a user can cause; its text says what was received and what to do next."""


class ImageError(CamError):
    """A photo that cannot be opened or is outside the limits of `cam.image_limits`."""


class ModelError(CamError):
    """A network that is unknown, has no weights here, or has no class activation map."""


class LabelError(CamError, LookupError):
    """A class name or index that the network does not have, or that fits several classes."""


class SettingsError(CamError):
    """A `CAM_...` setting whose value is not one that `cam.settings` takes."""
