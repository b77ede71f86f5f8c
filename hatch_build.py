"""Puts the page into the wheel, so that the installed package is the whole product."""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# They stay at the top level of the project, where `streamlit run streamlit_app.py` finds them; see `cam.settings`.
_BUNDLED = ("streamlit_app.py", "sample_images", ".streamlit/config.toml")


class BundleHook(BuildHookInterface):
    """Hatchling calls this for each wheel."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Add the files, but not to an editable install, which is the project's folder itself."""
        if version == "standard":
            build_data["force_include"] |= {name: f"cam/bundle/{name}" for name in _BUNDLED}
