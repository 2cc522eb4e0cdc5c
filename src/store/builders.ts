import { certificateOf, certificateText } from '../core/study/certificate.ts';
import { tableCsv, tableJson, variantTable } from '../core/study/table.ts';
import type { Builders } from './share.ts';

export const sharedBuilders: Builders = {
	certificate: (study, variant, fileName) => certificateText(certificateOf(study, variant, fileName)),
	table: (study, format) => (format === 'csv' ? tableCsv(variantTable(study)) : tableJson(variantTable(study))),
};
