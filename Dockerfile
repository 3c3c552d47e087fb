# One image, several roles: `docker run medbook web`, `api`, `worker`, `beat`, `prepare`.

FROM python:3.11-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/medbook
ENV PATH=/opt/medbook/bin:$PATH

# --build-arg GATEWAYS=yes for Alipay and WeChat Pay
ARG GATEWAYS=
COPY requirements.txt requirements-gateways.txt /tmp/
RUN pip install --no-deps --require-hashes --requirement /tmp/requirements.txt \
        ${GATEWAYS:+--requirement /tmp/requirements-gateways.txt}

WORKDIR /app
COPY . .
# Throw-away keys: collecting files reads the settings, and nothing is sealed with them.
RUN env $(python -m medbook.new_keys) MEDBOOK_ENV=production STATIC_ROOT=/app/staticfiles \
        DATABASE_URL=postgres://nobody@//nowhere/medbook REDIS_URL=redis://nowhere \
        sh -c 'python manage.py compile_catalogues && python manage.py collectstatic --no-input' \
    && python -m compileall -q /app

FROM python:3.11-slim

RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin medbook
COPY --from=build /opt/medbook /opt/medbook
COPY --from=build /app /app

ENV PATH=/opt/medbook/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MEDBOOK_ENV=production \
    MEDBOOK_VAR=/tmp/medbook \
    STATIC_ROOT=/app/staticfiles
WORKDIR /app
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["/app/deploy/start"]
CMD ["web"]
