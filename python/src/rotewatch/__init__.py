"""Watches a PyTorch network train and says when it starts to memorize.

    train_set, unseen = rotewatch.hold_out(train_set, 1000)
    watcher = rotewatch.watch(model, probe=unseen, seen=train_set, loss=criterion, run="my-run")
    for epoch in range(epochs):
        ...                                     # train
        if watcher.epoch_end(train_loss=loss).stop:
            break

The rotewatch daemon does the measuring; this package sends it the outputs of the hidden layers, and losses and
predicted classes of single rows. After :func:`watch` has returned, nothing here raises an exception into the training
loop, uses its random numbers, or makes it wait longer than the configured limit.

The modules, lowest layer first:

==================  ====================================================================================
``naming``          run names, attempts, layer names, metric names
``notices``         warnings, each logged once
``settings``        mode, address, token, folders: arguments, environment, files
``verdict``         the daemon's verdict on a run; ``standing`` is the module's old name
``batch``           batches of a data loader
``row_numbers``     loss, predicted class and other numbers of single rows
``frame``           activations of the same rows in every layer, numbers of the rows, and their serialization
``reduction``       converts any layer output to rows x neurons
``losses``          how the loss of each row is computed
``class_scores``    scores of classes, and what follows from them for each row
``scores``          the numbers of each row from the network's output; finds out the task
``selection``       chooses the watched modules and their names
``isolation``       a forward pass without side effects
``capture``         hooks for one forward pass
``source``          reads a fixed set of rows from a batch, a loader or a data set
``held_out``        :func:`hold_out`: splits a data set
``probe``           a fixed set of examples that goes through the network after each epoch
``stream``          samples rows of the training batches
``ranks``           several processes that train one network
``row_sets``        the two sets of rows of a run, over all ranks
``transport``       how messages are sent; implemented by ``http_transport`` and ``inbox_transport``
``sender``          the sending thread and its bounded queue
``observation``     one run: forward passes, gathered rows, queued messages
``watcher``         :func:`watch` and :class:`Watcher`
``private_daemon``  a daemon that runs as long as a script
==================  ====================================================================================

``rotewatch.lightning``, ``rotewatch.transformers`` and ``rotewatch.keras`` are adapters; each requires its framework.
"""

from .held_out import hold_out
from .private_daemon import PrivateDaemon, private_daemon
from .verdict import Verdict
from .watcher import Watcher, watch

#: The old name, for one release.
Standing = Verdict

__version__ = "0.1.0"
__all__ = ["PrivateDaemon", "Standing", "Verdict", "Watcher", "__version__", "hold_out", "private_daemon", "watch"]
