"""Which variables of a client keep a forked kernel from being what an ordinary one would be."""

from __future__ import annotations

import os

import pytest

from gsan_lib.kernels import inheritance


@pytest.fixture
def server(monkeypatch):
    """A server that has imported scikit-learn, which sets a variable for itself."""
    started_with = dict(os.environ)
    started_with.pop("KMP_INIT_AT_FORK", None)
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    return inheritance.taken(), started_with


def test_what_a_library_set_in_both_is_no_obstacle(server):
    own, started_with = server
    assert inheritance.obstacles(own, started_with | {"KMP_INIT_AT_FORK": "FALSE"}, own, started_with) == []
    assert inheritance.obstacles(own, started_with, own, started_with) == []


def test_another_value_is_an_obstacle_and_named(server):
    own, started_with = server
    (told,) = inheritance.obstacles(own, started_with | {"KMP_INIT_AT_FORK": "TRUE"}, own, started_with)
    assert "KMP_INIT_AT_FORK" in told


def test_a_variable_that_the_server_was_started_with_must_be_the_same(server):
    own, started_with = server
    (told,) = inheritance.obstacles(own, started_with, own, started_with | {"OMP_SCHEDULE": "static"})
    assert "OMP_SCHEDULE" in told
