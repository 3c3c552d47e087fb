"""When and where: clinics, doctors, rosters, schedules and their places."""
