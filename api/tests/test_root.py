"""The root document, the schema and its readers: all from our own host."""

from __future__ import annotations

import re

import pytest

PAGES = ["/docs", "/redoc", "/api/v1/docs", "/api/v1/redoc"]


def test_the_root_says_where_to_go(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "Fiducia",
        "version": "1.0.0",
        "links": {
            "docs": "http://testserver/docs",
            "redoc": "http://testserver/redoc",
            "schema": "http://testserver/api/v1/schema",
            "health": "http://testserver/health/ready",
            "coverage": "http://testserver/api/v1/transparency/coverage",
            "console": "http://testserver/admin/",
        },
    }


def test_the_schema_is_openapi_31_with_the_problems_of_every_operation(client):
    schema = client.get("/api/v1/schema").json()
    assert schema["openapi"].startswith("3.1")
    assert schema["components"]["schemas"]["Problem"]["required"][:4] == ["type", "title", "status", "code"]
    for path, operations in schema["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in operations.items():
            for status in ("429", "500"):
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"], (path, method)


def test_the_schema_comes_as_yaml_when_asked(client):
    answer = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi"})
    assert answer.content.startswith(b"openapi: 3.1")


@pytest.mark.parametrize("page", PAGES)
def test_the_readers_load_nothing_from_another_host(client, page):
    answer = client.get(page)
    assert answer.status_code == 200
    loaded = re.findall(r"""(?:src|href|action)\s*=\s*["']([^"']+)""", answer.content.decode())
    assert loaded
    assert not [address for address in loaded if re.match(r"(https?:)?//", address)]
    assert "/api/v1/schema" in answer.content.decode() or "script=" in answer.content.decode()


def test_the_script_of_swagger_knows_the_schema(client):
    script = client.get("/docs?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert "api/v1/schema" in script.content.decode()
