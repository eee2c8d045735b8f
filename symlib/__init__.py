"""Can a deep network learn a symmetry from data?

The modules, each one concept, imported by name (``from symlib import groups``):

- ``groups``: finite groups, their unitary irreps and Fourier transform
- ``orbits``: group actions on images, orbits, their geometry
- ``data``: MNIST and Fashion-MNIST digits, pairs of classes
- ``pairs``: the errors of pairs of rotated digits, exact and predicted
- ``kernels``: RBF and distance; NNGP and NTK of deep ReLU and erf networks
- ``streaming``: Gram matrices larger than memory
- ``finite``: networks of finite width in NTK parametrisation and their empirical NTK
- ``uniform``: the paper's networks of finite width, and training them
- ``convolutions``: NNGP and NTK of circular convolutional networks
- ``baselines``: the dullest explanations of an error
- ``solving``: linear systems to six right digits, or a refusal
- ``regression``: kernel regression with points left out, densely
- ``spectral``: the paper's spectral error, and its balanced form
- ``one_vs_rest``: one-against-the-rest regression on many orbits
- ``invariant``: regression with points left out in the Fourier domain of a finite group
- ``rotated``: kernels of rotated images from a quarter of each orbit
- ``intervals``: bootstrap and binomial intervals, permutation tests
- ``partial_orbits``: images under rotation, some of which one class misses, in torch
- ``nets``, ``training``, ``recognition``: networks, training them on such images, and what they
  recognise
- ``settings``, ``experiment``: how an experiment is described, run, stored and resumed
- ``experiments``: the experiments of the book
- ``results``: tables of long experiments, stored and resumed
- ``sources``: hashes of the code that computed something
- ``tangents``: neural-tangents on current JAX, as an oracle
- ``plotting``, ``notebook``: what every chapter begins with
"""

__version__ = "0.1.0"
