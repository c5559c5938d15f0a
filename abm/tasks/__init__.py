"""Tasks: what writers are asked beside their contests, as data, and how their answers are scored."""

from abm.tasks.scores import RULES, copied, refused
from abm.tasks.sets import BUILT_IN, BroadTask, CopyingTask, RefusalTask, Task, TaskSet, task_set

__all__ = [
    "BUILT_IN", "RULES", "BroadTask", "CopyingTask", "RefusalTask", "Task", "TaskSet", "copied", "refused", "task_set",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
