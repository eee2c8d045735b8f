"""The networks: shapes and sizes as said, seeded weights, bad names."""

import pytest

torch = pytest.importorskip("torch")
from symlib import nets  # noqa: E402

SIZES = {  # weights and biases, counted by hand from the layers
    "mlp": 784 * 512 + 512 + 512 * 128 + 128 + 128 * 10 + 10,
    "cnn": 25 * 24 + 24 + 24 * 9 * 32 + 32 + 800 * 256 + 256 + 256 * 10 + 10,
    "logistic": 784 * 10 + 10,
    "vit": 2 * 16  # layer norm of a patch
    + 16 * 256
    + 256
    + 2 * 256
    + 2 * (2 * 256 + 4 * 256 * 256 + 2 * 256 + 2 * (256 * 256 + 256))
    + 2 * 256
    + 256 * 10
    + 10,
}


@pytest.mark.parametrize("name", nets.NETWORKS)
def test_is_as_large_as_its_layers(name):
    network = nets.build(name, seed=0)
    assert sum(p.numel() for p in network.parameters()) == SIZES[name]
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("name", nets.NETWORKS)
def test_seed_decides_weights_and_nothing_else(name):
    images = torch.ones(2, 1, 28, 28)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, same, other = (nets.build(name, seed=s).eval()(images) for s in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(3), expected)


def test_dropout_is_that_of_torch():
    torch.manual_seed(0)
    dropout, units = nets.Dropout(0.3), torch.full((200, 500), 2.0)
    dropped = dropout(units)
    kept = dropped != 0
    assert torch.equal(dropped[kept].unique(), (units / 0.7)[0, :1])
    assert abs(kept.double().mean() - 0.7) < 4 * (0.3 * 0.7 / units.numel()) ** 0.5
    assert dropout.eval()(units) is units


def test_the_vit_sees_where_a_patch_is():
    network = nets.build("vit", seed=0).eval()
    image = torch.zeros(1, 1, 28, 28)
    image[..., :4, :4] = torch.rand(4, 4, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(network(image), network(image.roll(8, -1)))


def test_no_such_network():
    with pytest.raises(ValueError, match=r"one of \['cnn', 'logistic', 'mlp', 'vit'\], got"):
        nets.build("rnn", seed=0)
