-- Read once by the PostgreSQL image, when its volume is empty: two roles, so that the application
-- cannot change what only the owner of the tables may (the operation log, the triggers).
\set ON_ERROR_STOP on
\set owner_password `cat /run/secrets/owner_password`
\set app_password `cat /run/secrets/app_password`
CREATE ROLE medbook_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE medbook_app LOGIN PASSWORD :'app_password';
CREATE DATABASE medbook OWNER medbook_owner ENCODING 'UTF8';
REVOKE ALL ON DATABASE medbook FROM PUBLIC;
GRANT CONNECT ON DATABASE medbook TO medbook_app;
