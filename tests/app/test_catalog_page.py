"""The networks of the zoo in the picker: all are offered, those on this machine are described, one is downloaded."""

import pytest
from support.app_page import LITE0, LITE2, RESNET50, open_page, works

from cam.models.registry import find_spec, list_models
from cam.models.weights import KerasFile, megabytes

ZOO = [spec for spec in list_models() if isinstance(spec.source, KerasFile)]


def test_every_classifier_of_the_zoo_is_offered_once():
    options = open_page().selectbox(key="network").options
    assert len(ZOO) >= 40 and len(options) == len(set(options)) == len(ZOO) + 3
    assert {spec.title for spec in ZOO} < set(options)


def test_only_networks_on_this_machine_are_described():
    said = open_page().selectbox(key="network").proto.help
    assert said.count("\n* ") == 3
    assert all(f"**{find_spec(name).title}**" in said for name in (LITE0, LITE2))
    assert not [spec.title for spec in ZOO if f"**{spec.title}**" in said]
    assert "choose one, and its size is shown" in said


@pytest.mark.parametrize("name", ["vgg16", "mobilenetv2", "efficientnetb0", "convnexttiny"])
def test_one_that_is_not_here_offers_its_own_download_and_nothing_else(name):
    spec = find_spec(name)
    at = open_page()
    assert [button.label for button in at.button] == ["Get ResNet-50 (98 MB)"]
    at.selectbox(key="network").set_value(name).run()
    assert works(at)
    assert [button.label for button in at.button] == [f"Get {spec.title} ({megabytes(spec.source.size)})"]
    assert f"{spec.title} is not on this computer yet ({megabytes(spec.source.size)})." in at.warning[0].value
    at.selectbox(key="network").set_value(LITE0).run()
    assert [button.label for button in at.button] == ["Get ResNet-50 (98 MB)"] and not at.warning


def test_the_download_that_is_begun_is_that_of_the_chosen_network(monkeypatch):
    asked = []
    monkeypatch.setattr(KerasFile, "download", lambda self, progress: asked.append(self.url) or self.path)
    at = open_page(network="mobilenetv2")
    at.button(key="download").click().run()
    assert asked == [find_spec("mobilenetv2").source.url] and RESNET50 not in asked[0]
    assert works(at)
