import gzip
import json

import botocore.loaders

from infra.models import cut, undocumented


def test_a_text_is_emptied_and_a_member_of_that_name_is_not():
    shape = {
        "documentation": "<p>says much</p>",
        "members": {"documentation": {"shape": "Text"}, "id": {"shape": "Id"}},
    }
    assert undocumented([shape]) == [{**shape, "documentation": ""}]


def test_what_is_left_describes_our_services_as_before(tmp_path):
    whole = botocore.loaders.Loader()
    folder = tmp_path / "data"
    for name in ("dynamodb", "ec2"):
        version = folder / name / whole.determine_latest_version(name, "service-2")
        version.mkdir(parents=True)
        (version / "service-2.json.gz").write_bytes(
            gzip.compress(json.dumps(whole.load_service_model(name, "service-2")).encode())
        )
        (version / "examples-1.json").write_text("{}")
    former = folder / "dynamodb" / "2011-12-05"
    former.mkdir()
    (folder / "endpoints.json").write_text(json.dumps(whole.load_data("endpoints")))
    cut(folder)
    left = botocore.loaders.Loader(extra_search_paths=[str(folder)], include_default_search_paths=False)
    assert left.list_available_services("service-2") == ["dynamodb"]
    assert not former.exists()
    assert not list(folder.rglob("examples-1.json"))
    assert left.load_service_model("dynamodb", "service-2") == undocumented(
        whole.load_service_model("dynamodb", "service-2")
    )
    for ours, theirs in zip(
        left.load_data("endpoints")["partitions"], whole.load_data("endpoints")["partitions"], strict=True
    ):
        assert ours["regions"] == theirs["regions"]
        assert ours["services"] == {"dynamodb": theirs["services"]["dynamodb"]}
