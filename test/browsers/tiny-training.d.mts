export function tinyTraining(base: string): Promise<Record<string, string>>;
