/** Azure's regions: the name in requests, and the display name in answers. */
const REGION_DISPLAY_NAMES: Readonly<Record<string, string>> = {
  australiacentral: 'Australia Central',
  australiaeast: 'Australia East',
  australiasoutheast: 'Australia Southeast',
  austriaeast: 'Austria East',
  brazilsouth: 'Brazil South',
  canadacentral: 'Canada Central',
  canadaeast: 'Canada East',
  centralindia: 'Central India',
  centralus: 'Central US',
  chinaeast2: 'China East 2',
  chinaeast3: 'China East 3',
  chinanorth2: 'China North 2',
  chinanorth3: 'China North 3',
  eastasia: 'East Asia',
  eastus: 'East US',
  eastus2: 'East US 2',
  eastus2euap: 'East US 2 EUAP',
  francecentral: 'France Central',
  francesouth: 'France South',
  germanynorth: 'Germany North',
  germanywestcentral: 'Germany West Central',
  indonesiacentral: 'Indonesia Central',
  israelcentral: 'Israel Central',
  italynorth: 'Italy North',
  japaneast: 'Japan East',
  japanwest: 'Japan West',
  koreacentral: 'Korea Central',
  koreasouth: 'Korea South',
  malaysiawest: 'Malaysia West',
  mexicocentral: 'Mexico Central',
  newzealandnorth: 'New Zealand North',
  northcentralus: 'North Central US',
  northeurope: 'North Europe',
  norwayeast: 'Norway East',
  norwaywest: 'Norway West',
  polandcentral: 'Poland Central',
  qatarcentral: 'Qatar Central',
  southafricanorth: 'South Africa North',
  southafricawest: 'South Africa West',
  southcentralus: 'South Central US',
  southeastasia: 'Southeast Asia',
  southindia: 'South India',
  spaincentral: 'Spain Central',
  swedencentral: 'Sweden Central',
  swedensouth: 'Sweden South',
  switzerlandnorth: 'Switzerland North',
  switzerlandwest: 'Switzerland West',
  taiwannorth: 'Taiwan North',
  uaecentral: 'UAE Central',
  uaenorth: 'UAE North',
  uksouth: 'UK South',
  ukwest: 'UK West',
  usgovarizona: 'USGov Arizona',
  usgovtexas: 'USGov Texas',
  usgovvirginia: 'USGov Virginia',
  westcentralus: 'West Central US',
  westeurope: 'West Europe',
  westindia: 'West India',
  westus: 'West US',
  westus2: 'West US 2',
  westus3: 'West US 3',
};

export interface Location {
  /** `westeurope` */
  readonly name: string;
  /** `West Europe` */
  readonly displayName: string;
}

export const REGION_NAMES: readonly string[] = Object.keys(REGION_DISPLAY_NAMES);

/** The region with this name or display name, without regard to case. */
export function findLocation(text: string): Location | undefined {
  const name = text.toLowerCase().replaceAll(' ', '');
  const displayName = REGION_DISPLAY_NAMES[name];
  return displayName === undefined ? undefined : { name, displayName };
}
