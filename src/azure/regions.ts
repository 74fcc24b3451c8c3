/** Azure's short form of a region: `West Europe` → `westeurope`. */
export const normalizeRegion = (region: string): string => region.toLowerCase().replaceAll(' ', '');
