"""Watches a PyTorch network train and says when it starts to memorize.

    watcher = rotewatch.watch(model, probe=held_out_batch, run="my-run")
    for epoch in range(epochs):
        ...                                     # train
        if watcher.epoch_end(train_loss=loss).stop:
            break

The measuring is done by the rotewatch daemon; this package shows it what the hidden layers give out. After
:func:`watch` has returned, nothing here raises into the training loop, draws from its random numbers, or makes it wait
longer than it was told to.

Map of the modules, ground first:

==================  ====================================================================================
``naming``          run names, attempts, layer names, metric names
``notices``         what people are told, each thing once
``settings``        mode, address, token, folders: arguments, environment, files
``standing``        what the daemon says of a run
``batch``           what data loaders give out
``frame``           activations of the same rows in every layer, and their bytes
``reduction``       from whatever a layer gives out to rows x neurons
``selection``       which modules are watched, under which names
``isolation``       a forward pass that leaves no trace
``capture``         hooks for the length of one pass
``probe``           a fixed set of examples, passed through the network after each epoch
``stream``          rows of the training batches themselves
``ranks``           several processes that train one network
``transport``       what can become of a message; then ``http_transport`` and ``inbox_transport``
``sender``          the thread that delivers, and its bounded queue
``observation``     one run: passes, rows gathered, messages queued
``watcher``         :func:`watch` and :class:`Watcher`
``private_daemon``  a daemon for the life of a script
==================  ====================================================================================

``rotewatch.lightning``, ``rotewatch.transformers`` and ``rotewatch.keras`` are adapters; each needs its framework.
"""

from .private_daemon import PrivateDaemon, private_daemon
from .standing import Standing
from .watcher import Watcher, watch

__version__ = "0.1.0"
__all__ = ["PrivateDaemon", "Standing", "Watcher", "__version__", "private_daemon", "watch"]
