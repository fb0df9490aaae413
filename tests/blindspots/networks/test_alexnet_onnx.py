"""The AlexNet of 2012 beside the graph that the package ``onnx`` ships of it.

``light_bvlc_alexnet.onnx`` has no weights of its own: ours are put into it, and its reference evaluator, which is
numpy's, is asked for the logits. Its response normalisation is Caffe's, which adds 1 where the paper of 2012 adds 2 and
divides the sum of squares by the number of maps in it, and the evaluator's own is wrong (its loop over the maps goes
over the images): the paper's is written out here.
"""

from pathlib import Path

import numpy as np
import onnx
import torch

from blindspots.networks.alexnet_2012 import AlexNet2012

CONVOLUTIONS = {"conv1": 0, "conv2": 4, "conv3": 8, "conv4": 10, "conv5": 12}
FULLY_CONNECTED = {"fc6": 1, "fc7": 4, "fc8": 6}


def test_the_graph_gives_the_same_logits() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AlexNet2012().eval().requires_grad_(False)
        image = torch.rand(1, *network.input_shape)
    names = {name: f"features.{at}" for name, at in CONVOLUTIONS.items()}
    names |= {name: f"classifier.{at}" for name, at in FULLY_CONNECTED.items()}
    weights = {
        f"{theirs}_{letter}_0": network.get_parameter(f"{ours}.{kind}").numpy()
        for theirs, ours in names.items()
        for letter, kind in (("w", "weight"), ("b", "bias"))
    }
    model = onnx.load(Path(onnx.__file__).parent / "backend/test/data/light/light_bvlc_alexnet.onnx")
    kept = [node for node in model.graph.node if node.op_type not in ("ConstantOfShape", "Softmax")]
    assert {name for node in kept for name in node.input if "_w_" in name or "_b_" in name} == set(weights)
    del model.graph.node[:], model.graph.input[1:], model.graph.initializer[:-1], model.graph.output[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(values, name) for name, values in weights.items())
    model.graph.output.append(onnx.helper.make_tensor_value_info("r24", onnx.TensorProto.FLOAT, [1, 1000]))
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    class LRN(OpRun):
        op_domain = ""

        def _run(self, x: np.ndarray, alpha: float, beta: float, bias: float, size: int) -> tuple[np.ndarray]:
            assert (round(alpha, 8), beta, size) == (1e-4, 0.75, 5)
            squares = np.pad(x**2, ((0, 0), (2, 2), (0, 0), (0, 0)))
            total = sum(squares[:, offset : offset + x.shape[1]] for offset in range(5))
            return ((x / (2 + alpha * total) ** beta).astype(x.dtype),)

    fed = (image * 255 - network.mean).numpy()
    (logits,) = ReferenceEvaluator(model, new_ops=[LRN]).run(None, {"data_0": fed})
    np.testing.assert_allclose(logits, network(image).numpy(), rtol=1e-3, atol=1e-5)
