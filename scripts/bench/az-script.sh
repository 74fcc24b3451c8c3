#!/bin/bash
# What the benchmark compares the action with: a step that gives a job a database with the az CLI, written to be repeatable
# and with as few commands as that needs.
set -euo pipefail
az login --service-principal --username "$AZURE_CLIENT_ID" --password "$CLIENT_SECRET" --tenant "$AZURE_TENANT_ID" --output none
if ! host=$(az postgres flexible-server show --resource-group bench --name bench --query fullyQualifiedDomainName --output tsv); then
  az postgres flexible-server create --resource-group bench --name bench --location westeurope --sku-name Standard_B1ms \
    --tier Burstable --version 17 --admin-user "$ADMIN_USER" --admin-password "$ADMIN_PASSWORD" --public-access None \
    --output none
  host=$(az postgres flexible-server show --resource-group bench --name bench --query fullyQualifiedDomainName --output tsv)
fi
address=$(curl --silent --show-error --fail --cacert "$NODE_EXTRA_CA_CERTS" "${IP_ECHO_URLS%%,*}")
az postgres flexible-server firewall-rule create --resource-group bench --name bench --rule-name "runner-${address//./-}" \
  --start-ip-address "$address" --end-ip-address "$address" --output none
if ! az postgres flexible-server db show --resource-group bench --server-name bench --database-name relecloud --output none; then
  az postgres flexible-server db create --resource-group bench --server-name bench --database-name relecloud --output none
fi
echo "::add-mask::$ADMIN_PASSWORD"
echo "DATABASE_URL=postgresql://$ADMIN_USER:$ADMIN_PASSWORD@$host:5432/relecloud?sslmode=verify-full" >> "$GITHUB_ENV"
