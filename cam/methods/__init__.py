"""Maps of where a network looks: one registry of methods over one interface, each with its paper and equation.

A method sees one photo in one network at one layer through a probe (`cam.methods.probe`) and returns a map float32
(h, w) of that layer's grid. What all of them keep to:

* The score of a class is its logit. The features at a place are the layer's activations there, [y, x, k].
* The ReLU with which many papers end is left to `cam.render`, which clips at zero when it draws; the ReLUs inside a
  method stay. So maps may have values below zero, and `Method.signed` says whether they mean evidence against.
* Finite features, gradients and scores give finite maps, where papers divide by zero too; each method says how.
"""

from cam.methods.registry import METHODS, Method, find_method

__all__ = ["METHODS", "Method", "find_method"]
