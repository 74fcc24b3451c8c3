/** Azure's short form of a region: `West Europe` → `westeurope`. */
export const regionName = (region: string): string => region.toLowerCase().replaceAll(' ', '');
