"""Errors that a user can cause. The text of each is a sentence that the command line and programs show verbatim."""


class CamError(Exception):
    """Base of every error a user can cause; its text says what was received and what to do next.

    Attributes:
        on_page: the same for a visitor of the page, who has neither the command line nor the files of the server.
    """

    def __init__(self, text: str = "", *, on_page: str | None = None):
        """Say what was received and what to do next.

        Args:
            text: for the command line and programs.
            on_page: for the page, where that must be another text.
        """
        super().__init__(text)
        self.on_page = text if on_page is None else on_page


class ImageError(CamError):
    """A photo that cannot be opened or is outside the limits of `cam.images.limits`."""


class ModelError(CamError):
    """A network that is unknown, has no weights here, or has no class activation map."""


class LabelError(CamError, LookupError):
    """A class name or index that the network does not have, or that fits several classes."""


class SettingsError(CamError):
    """A `CAM_...` setting whose value is not one that `cam.settings` takes."""
