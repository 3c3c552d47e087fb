"""Where does a WSGI server find MedBook?"""

import os

from django.core.wsgi import get_wsgi_application

from medbook.encryption.checks import require_sound_keys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medbook.settings")

application = get_wsgi_application()
require_sound_keys()
