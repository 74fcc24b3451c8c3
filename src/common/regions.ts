/** Short form of an Azure region: `West Europe` → `westeurope`. */
export const normalizeRegion = (region: string): string => region.toLowerCase().replaceAll(' ', '');
