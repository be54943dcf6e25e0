"""Real Spark, once for all tests of this folder; `make test-services` installs it."""

import os
import pathlib

import pytest

JARS = "TAPELINE_SPARK_JARS"


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    if not os.environ.get(JARS):
        pytest.skip(f"{JARS} names no folder: run `make test-services`, which fetches Spark")
    # Imported here, so that without Spark the tests can be collected and say why they are skipped.
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.jars", ",".join(map(str, sorted(pathlib.Path(os.environ[JARS]).glob("*.jar")))))
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")  # each torn look would be a page of Java's stacks
    yield session
    session.stop()
