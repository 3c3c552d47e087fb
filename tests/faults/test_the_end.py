"""Does MedBook leave anything behind when it is told to end?"""

import psutil


def test_ends_all_its_processes_when_told_to(medbook):
    everybody = list(medbook.processes())
    assert len(everybody) >= 4

    code = medbook.stop()

    assert code == 0
    _gone, alive = psutil.wait_procs(everybody, timeout=3)
    assert alive == []
    assert "Traceback" not in medbook.log()
