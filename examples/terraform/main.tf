# The server of terraform.yml. Terraform manages the resource group and the server. The action manages the database, the
# role of the application, and its own temporary firewall rule, which are not in Terraform's state.
terraform {
  required_version = ">= 1.11" # for write-only arguments
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.40"
    }
  }
  # Without a backend, every run of the workflow would start with an empty state. Create the storage account first, and
  # give the identity the role "Storage Blob Data Contributor" on it.
  backend "azurerm" {
    storage_account_name = "relecloudterraform"
    container_name       = "state"
    key                  = "relecloud.tfstate"
    use_azuread_auth     = true
  }
}

provider "azurerm" {
  features {}
}

variable "admin_password" {
  description = "Password of the server's administrator: the secret DB_ADMIN_PASSWORD."
  type        = string
  ephemeral   = true
}

resource "azurerm_resource_group" "relecloud" {
  name     = "relecloud"
  location = "westeurope"
}

resource "azurerm_postgresql_flexible_server" "relecloud" {
  name                = "demo-relecloud"
  resource_group_name = azurerm_resource_group.relecloud.name
  location            = azurerm_resource_group.relecloud.location

  version               = "17"
  sku_name              = "B_Standard_B1ms"
  storage_mb            = 32768
  backup_retention_days = 7

  administrator_login = "relecloud_admin"
  # Not stored in the state. Increase the version after a change of the password.
  administrator_password_wo         = var.admin_password
  administrator_password_wo_version = 1

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [zone] # Azure chooses it, and changes it in a failover
  }
}
