"""Which image is which."""

from uuid import NAMESPACE_URL, uuid5


def image_id(bucket: str, key: str) -> str:
    """Derive the id of an image from where its original lives, so that anyone can compute it.

    >>> image_id("photos", "a b.jpg")
    '23ca64c9-73aa-5a50-bb8e-8aa3bb22b8fa'
    """
    return str(uuid5(NAMESPACE_URL, f"s3://{bucket}/{key}"))
