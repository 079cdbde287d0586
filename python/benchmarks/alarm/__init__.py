"""The benchmark of the alarm: real trainings, recorded once, judged under any rule."""
