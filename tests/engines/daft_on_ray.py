"""Daft on a Ray cluster of two nodes of this machine; run with the Python of the environment `ray`.

`daft_on_ray.py URI OUT` starts the nodes, then takes statements over the table `t`, a line each, from stdin.
It writes the answer to OUT as an Arrow stream and prints how many nodes are alive.
"""

import sys

import daft
import pyarrow as pa
import ray
from pyiceberg.catalog import load_catalog
from ray.cluster_utils import Cluster

NODES = 2
STORE_BYTES = 300_000_000


def main(uri: str, out: str) -> None:
    """Answer until stdin ends."""
    cluster = Cluster()
    for _ in range(NODES):
        cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    ray.init(address=cluster.address, log_to_driver=False)
    daft.set_runner_ray(address=cluster.address)
    try:
        for line in sys.stdin:
            table = load_catalog("lake", type="rest", uri=uri, warehouse="lake").load_table(
                "lake.t"
            )
            found = daft.sql(line, t=daft.read_iceberg(table)).to_arrow()
            with pa.OSFile(out, "wb") as file, pa.ipc.new_stream(file, found.schema) as writer:
                writer.write_table(found)
            print(sum(node["Alive"] for node in ray.nodes()), flush=True)
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
