# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/base.txt /tmp/base.txt
RUN /opt/venv/bin/pip install --require-hashes -r /tmp/base.txt

FROM python:3.13-slim-bookworm
RUN groupadd --system --gid 10001 fiducia \
 && useradd --system --uid 10001 --gid fiducia --no-create-home --home-dir /srv/fiducia fiducia \
 && install -d -o fiducia -g fiducia /srv/fiducia/media
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/fiducia/app
COPY . .
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 FIDUCIA_MODE=production \
    MEDIA_ROOT=/srv/fiducia/media
# Static files need settings, and settings need keys: these are thrown away with the line.
RUN echo "[]" > /tmp/methods.json \
 && KEY=$(python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())") \
 && SECRET_KEY="$KEY-$KEY" FIELD_KEYS="$KEY" BLIND_INDEX_KEY="$KEY" ALLOWED_HOSTS=build REDIS_URL=redis://build \
    DATABASE_URL=postgresql://fiducia_app@build/fiducia OWNER_DATABASE_URL=postgresql://fiducia_owner@build/fiducia \
    EMAIL_URL=consolemail:// PAYMENT_METHODS_FILE=/tmp/methods.json \
    python manage.py collectstatic --no-input --verbosity 0 \
 && rm /tmp/methods.json
USER fiducia
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/health/live'), timeout=4)"]
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "config.wsgi:application"]
